//! Raw operating-system calls of the agent behind safe functions: the only unsafe code on the PC.
//!
//! Each module is a face with one signature for every system; its body is chosen by a `#[path]` line.
//! What only one system has (fanotify, the table of mounts) is a module of that system alone, and the sensor that uses it
//! chooses its own body in the same way.

#[cfg(target_os = "linux")]
pub mod bell;
pub mod clock;
pub mod disk;
pub mod echo;
#[cfg(target_os = "linux")]
pub mod fanotify;
pub mod file;
pub mod host;
pub mod local;
#[cfg(target_os = "linux")]
pub mod mounts;
pub mod network;
pub mod placing;
pub mod process;
pub mod program;
pub mod rights;
#[cfg(target_os = "linux")]
pub mod starts;
pub mod tcp;
pub mod usage;
