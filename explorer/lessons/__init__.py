"""Seven short lessons: what is said of networks, seen, tried, and measured.

``texts`` says what each is about; each of the other modules shows one of them with any network:
its stage, which answers at once to two or three controls, and what was measured.
"""
