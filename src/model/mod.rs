//! A model directory in the Hugging Face layout: reading it, and writing tiny ones.
