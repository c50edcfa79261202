//! The user that a server runs as. PostgreSQL refuses to run as root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::PostgresError;

/// An unprivileged user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUser {
    /// The user's id.
    pub user: u32,
    /// The id of the user's first group.
    pub group: u32,
    /// Whether this process is root and has to become that user.
    pub become_it: bool,
}

impl ServerUser {
    /// This process's own user; for root `postgres` where it exists, else `nobody`.
    pub fn of_this_process() -> Self {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        if !user.is_root() {
            return Self { user: user.as_raw(), group: group.as_raw(), become_it: false };
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, group) = ["postgres", "nobody"]
            .iter()
            .find_map(|name| find_user(&users, name))
            .unwrap_or((65534, 65534));
        Self { user, group, become_it: true }
    }

    /// Lets a command run as this user.
    pub(super) fn run(self, command: &mut Command) -> &mut Command {
        if self.become_it {
            command.uid(self.user).gid(self.group);
        }
        command
    }

    /// Gives a folder to this user.
    pub(super) fn own(self, path: &Path) -> Result<(), PostgresError> {
        if self.become_it {
            std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
                .map_err(PostgresError::file("give PostgreSQL's user the folder", path))?;
        }
        Ok(())
    }
}

fn find_user(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    (user != 0).then_some((user, group))
}

#[cfg(test)]
mod tests {
    use super::find_user;

    #[test]
    fn a_user_is_found_by_its_whole_name_and_is_never_root() {
        let users = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\n\
                     postgres:x:101:104:PostgreSQL administrator,,,:/var/lib:/bin/bash\n\
                     nobody:x:0:0::/:/bin/sh\n";
        assert_eq!(find_user(users, "postgres"), Some((101, 104)));
        assert_eq!(find_user(users, "nobody"), None);
        assert_eq!(find_user(users, "nobod"), None);
    }
}
