"""Outside data: rows of files with errors that name the place, what became of bad ones, and the corpus."""
