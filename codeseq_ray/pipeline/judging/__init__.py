"""The judge as a job: rows of programs and cases in, one answer for each id out, at any size.

`inputs` finds the files and cuts them into slices; `scan` reads all of it once before anything runs (how many rows,
which ids are shared); `rows` says what a row means or what is wrong with it; `answering` judges blocks of rows in
Ray tasks; `answers` puts the answers where they belong; `run` is the line through all of it.
"""
