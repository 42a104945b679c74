"""How Blender holds it: a Storyboard becomes meshes of points, node trees and a handful of F-curves.

What is built animates in any Blender without this code: no handlers, no scripted drivers, no modifier inputs.
"""
