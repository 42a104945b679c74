"""The forms and the light of every scene: what Blender builds, and what decides how far a change is to be seen.

Lengths are in cells (the pitch of a tensor).
"""

from __future__ import annotations

CUBE = 0.94
"""Width of a cell's cube."""
BEVEL, BOX_BEVEL = 0.055, 0.012
"""Radius of a cube's edges, and of those of a box that is as long as its cell is."""
GHOST = 0.88
"""Width of a cell of padding, of which the edges are drawn."""
FEWEST_PIXELS = 4.0
"""Smaller cells stand without gaps: a gap of a quarter of a pixel is no grid, but noise."""
VEILED = 0.7
"""How much of what is behind the front of a cell of padding is hidden if a number stands there: else the tops and sides
of cells behind it would be taken for its ground."""
GHOST_PIXELS = 20.0
"""Of smaller cells of padding only the fronts are drawn, else their edges are a thicket; in reference pixels. Of those
with numbers, too, else edges of their backs go through the digits."""
RIPENING = 1 / 3
"""How much of the time of its rest a traveller takes to turn into its other colour."""
NEWBORN = 0.55
"""Size at which an output cell leaves its filter."""
COVER = 1.04
"""Size of a traveller on a weight: just larger than the weight's own cube."""
PRINT = 0.01
"""How far a number stands off its cell's front."""
OPENED = 0.3
"""Size of the cells before a window that goes into a volume: one sees what it touches between them."""
CLOSING = 0.4
"""The part of its last step in which they grow again."""
VEIL, MARK, MARK_GROWTH = 1.01, 1.015, 0.02
"""Size of what is laid over a cell, so that it fades; over that, if the cell is an ancestor, and by how much that grows
until it has been hit for the last time."""
WINDOW_BAR, TAP_BAR, GHOST_BAR, OUTLINE_BAR = 0.09, 0.085, 0.035, 0.035
"""Thickness of the bars that make a window, what it touches between gaps, a cell of padding, the place of a result."""
LEAST_BAR = 1.5
"""How thick a window's bars are at least where the picture's shorter side has 480 pixels, in such pixels: among small
cells they would be hairs."""
LEAST_OUTLINE = 0.8
"""The same of the place of a result."""
WINDOW_MARGIN = 0.035
"""How far a window's box stands off the cells: so little that its bars hide no digits on the cells beside them."""
LINE_RADIUS = 0.036
SUN_DIRECTION = (0.30, 0.62, -1.0)
SUN_ANGLE = 0.20
"""Radians: the softness of shadows."""
FLAT_LIGHT, FLAT_SHADE = (-0.15, -0.40, 0.90), 0.62
"""Where plain colours are brightest (the top), and how bright they are at right angles to it."""
PLAIN_FACE = FLAT_SHADE - (1.0 - FLAT_SHADE) * FLAT_LIGHT[1]
"""How bright the fronts of cells in plain colours are: copies and marks have no others, whatever the light."""
FLOOR_GLOSS = 0.06
FLOOR_DIFFUSE, FLOOR_SHINE = 0.94, 0.051
"""How much of the floor is a mirror; the parts of light that it scatters and, its mirror being rough, reflects."""
AMBIENT_REACH = 2.5
"""How far around the cells the floor is visibly darker."""
