"""What can be known early: parameters, model, tokenizer, data, index and machine, in seconds."""
