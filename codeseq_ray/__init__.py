"""codeseq-ray: integer sequences (OEIS) into verified reasoning data, on Ray.

Floors, each importing only downwards: records → steps → ports → pipeline → jobs.
`docs/design/house.md` walks one sequence through all the rooms.
"""

__version__ = "0.1.0"
