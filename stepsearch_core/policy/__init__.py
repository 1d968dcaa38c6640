"""Models, tokenizers and the engines that sample from them."""
