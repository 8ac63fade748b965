"""The phon command and the data side: corpus to text to tokenizer to shards."""
