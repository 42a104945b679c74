"""How an animation gets out: which frames are needed, who renders them, and the file that comes of them."""
