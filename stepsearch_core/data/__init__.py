"""Outside data in, the library's types out: benchmark readers, the fetched folder, the corpus."""
