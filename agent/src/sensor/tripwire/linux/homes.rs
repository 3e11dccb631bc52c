//! Where the users of this PC keep their documents.

use std::fs;
use std::path::PathBuf;

use vong_os::file::{Kind, bytes_of, look};

/// Below this, accounts belong to the system.
const USER_ID_MIN: u32 = 1_000;
/// From here on they are nobody's, or a container's.
const USER_ID_END: u32 = 60_000;

/// The home folders of people, as the system spells them.
pub(in super::super) fn homes() -> Vec<Vec<u8>> {
    let below_home = fs::read_dir("/home")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let mut homes: Vec<PathBuf> = of_passwd(&String::from_utf8_lossy(&passwd));
    homes.extend(below_home);
    homes.push(PathBuf::from("/root"));
    let is_folder = |path: &PathBuf| look(path).is_ok_and(|facts| facts.kind == Kind::Folder);
    let mut homes: Vec<Vec<u8>> = homes
        .iter()
        .filter_map(|home| fs::canonicalize(home).ok())
        .filter(|home| is_folder(home) && home.components().count() > 1)
        .map(|home| bytes_of(&home).to_vec())
        .collect();
    homes.sort();
    homes.dedup();
    homes
}

fn of_passwd(passwd: &str) -> Vec<PathBuf> {
    let home = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, id, _, _, home, shell] = fields[..] else {
            return None;
        };
        let is_person = id
            .parse()
            .is_ok_and(|id: u32| (USER_ID_MIN..USER_ID_END).contains(&id));
        let may_enter = !shell.ends_with("/nologin") && !shell.ends_with("/false");
        (is_person && may_enter && home.starts_with('/')).then(|| PathBuf::from(home))
    };
    passwd.lines().filter_map(home).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_homes_and_services_have_none() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nlan:x:1000:1000::/srv/nhà/lan:/bin/bash\n\
            www:x:33:33::/var/www:/usr/sbin/nologin\nbot:x:1001:1001::/home/bot:/usr/sbin/nologin\nbroken\n";
        assert_eq!(of_passwd(passwd), [PathBuf::from("/srv/nhà/lan")]);
        assert!(homes().iter().all(|home| home.len() > 1));
    }
}
