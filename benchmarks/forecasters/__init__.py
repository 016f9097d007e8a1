"""The arms of the side-by-side: the field's libraries, the simple rules and the shipped model behind one question.

One module per family. A module imports its library at the top, so that only who runs an arm needs what it is made of.
"""
