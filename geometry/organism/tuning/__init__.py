"""Two siblings of one organism: one rewarded on its own answers, one fine-tuned on given ones."""
