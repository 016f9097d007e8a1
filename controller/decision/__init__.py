"""What should the floor be? Pure: no external calls, no clock, no logging; values in, values out."""
