"""The working and the guiding agent: their interfaces, who may see what, and two pairs that fill them."""
