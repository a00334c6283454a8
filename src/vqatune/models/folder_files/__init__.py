"""What the files of a model folder may say, whoever made it: read before peft, transformers and tokenizers read them."""
