"""A release in the files that trainers read: TRL, verl, LLaMA-Factory, plain JSON Lines, a folder for the Hub.

Streams over Parquet files; needs no Ray and no trainer.
"""
