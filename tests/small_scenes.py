"""Scene files that several tests take: small ones, each with much of what makes a difference."""

TINY = """
[input]
shape = [2, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
[time]
seconds = 2
"""
DILATED = """
[input]
shape = [2, 9, 8]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = [3, 2]
stride = [2, 1]
padding = [1, 2]
dilation = [1, 3]
groups = 2
"""
BATCHED_FILTERWISE = """
[input]
shape = [2, 4, 4, 5]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 2
padding = 1
groups = 2
[time]
order = "filter"
"""
CHAIN = """
[input]
shape = [4, 5, 5]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 2
groups = 4
[[stage]]
op = "ChannelShuffle"
groups = 2
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
padding = 1
"""
