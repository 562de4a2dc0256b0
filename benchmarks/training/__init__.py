"""Does training on the rows make a model better at the task? (results/training.md)"""
