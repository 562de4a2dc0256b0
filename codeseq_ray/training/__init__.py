"""From rows to a better model: TRL's trainers over our rows and our reward. Needs `codeseq-ray[train]`.

Only `settings`, `turns`, `prepared` and `problems` can be imported without it; nothing here knows Ray.
"""
