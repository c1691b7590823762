//! The one thread that starts children: comes in a command, goes out the child. Must never end, since
//! the kernel ties the "dies with its parent" signal to the thread that started the child, and test
//! threads end early.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::process::{Signal, set_parent_process_death_signal};

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command`, bound to the life of this process.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel();
        std::thread::spawn(move || work(&inbox));
        orders
    });
    let (answer, child) = channel();
    spawner.send((command, answer)).map_err(|_| io::Error::other("the spawner ended"))?;
    child.recv().map_err(|_| io::Error::other("the spawner ended"))?
}

fn work(inbox: &Receiver<Order>) {
    for (mut command, answer) in inbox {
        bind_life(&mut command);
        let _ = answer.send(command.spawn());
    }
}

#[expect(unsafe_code, reason = "between fork and exec only one system call is made, and it does not allocate")]
fn bind_life(command: &mut Command) {
    unsafe {
        command.pre_exec(|| set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from));
    }
}
