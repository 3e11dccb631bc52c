//! Registers as offices save them, and what is made of them.
