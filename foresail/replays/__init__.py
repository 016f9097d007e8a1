"""A user's own history replayed: what is replayed, through which arms, and what is said of it."""
