//! The Unix socket beside the HTTP server's port: made for the daemon's user and group, and gone when the daemon ends.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tokio::net::{UnixListener, UnixStream};

/// Read and write for user and group.
const MODE: u32 = 0o660;

/// The socket's file, which goes when this does.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have been quicker.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listen at a path. A socket that is left over from a daemon that is no more is replaced.
///
/// # Errors
/// Another process listens there, something else than a socket is there, or the system refuses.
pub async fn listen(path: &Path) -> anyhow::Result<(UnixListener, SocketFile)> {
    let place = || format!("cannot listen on the socket {} (bind-socket in [http])", path.display());
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            bail!("{}: there is something else at this path", place());
        }
        if UnixStream::connect(path).await.is_ok() {
            bail!("{}: another process listens there", place());
        }
        fs::remove_file(path).with_context(place)?;
    }
    let listener = UnixListener::bind(path).with_context(place)?;
    let file = SocketFile(path.to_path_buf());
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).with_context(place)?;
    Ok((listener, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_is_in_use_or_is_none_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.sock");
        let (listener, file) = listen(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(format!("{:#}", listen(&path).await.err().unwrap()).contains("another process listens"));
        // As after a kill: the file is there, nobody listens.
        std::mem::forget(file);
        drop(listener);
        let (_listener, file) = listen(&path).await.unwrap();
        drop(file);
        assert!(!path.exists());
        fs::write(&path, "text").unwrap();
        assert!(format!("{:#}", listen(&path).await.err().unwrap()).contains("something else"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
