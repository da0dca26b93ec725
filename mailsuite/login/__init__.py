"""Does a person prove who they are?"""
