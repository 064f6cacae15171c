"""How good models are on real recordings, by committed protocols; nothing here times anything."""
