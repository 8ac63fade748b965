"""English to phones and back: lexicon, homographs, unknown words, notations. No torch, no click."""
