"""The running model, by transformers (extra ``model``): its states, its next tokens, its belief in every emoji."""
