"""HTTP: what is asked over it, and in which form it is answered. Judges nothing."""
