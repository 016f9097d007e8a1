"""Pictures that commands draw from values that they have already."""
