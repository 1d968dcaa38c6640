"""What can be known early: parameters, model, tokenizer, data, index and machine, looked at together in
seconds.
"""
