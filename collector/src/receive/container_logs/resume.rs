//! Where an earlier process has come to: what its checkpoint and its spool say together.
//!
//! Comes in: the last checkpoint, and the positions in the spool's entries. Goes out: where to go on in each file, and the
//! number behind which batches are numbered. Positions of a batch count only where those of all batches between the
//! checkpoint and it are there too: else something that nobody has would be passed over. Pure.

use super::checkpoint::{Entry, Saved};
use crate::positions::Positions;

/// What is known of earlier processes.
#[derive(Debug, Default)]
pub(super) struct Resumed {
    /// There was none: no checkpoint was ever written here, and nothing is kept. What is not among the files is new or has never been looked at.
    pub(super) is_first: bool,
    pub(super) files: Vec<Entry>,
    /// The greatest number a batch has had.
    pub(super) batch: u64,
    /// Batches that are in the spool and not in the checkpoint.
    pub(super) taken: u64,
    /// Batches that are in the spool and whose lines are read again all the same.
    pub(super) repeated: u64,
}

/// Both together.
pub(super) fn resume(checkpoint: Option<Saved>, mut kept: Vec<Positions>) -> Resumed {
    let is_first = checkpoint.is_none() && kept.is_empty();
    let Saved { batch, files } = checkpoint.unwrap_or_default();
    let mut resumed = Resumed { is_first, files, batch, ..Resumed::default() };
    kept.retain(|positions| positions.batch > batch);
    kept.sort_by_key(|positions| positions.batch);
    kept.dedup_by_key(|positions| positions.batch);
    for positions in kept {
        // Something that is not ours to read, such as a later version's, is as good as missing.
        let places = serde_json::from_slice::<Vec<Entry>>(&positions.places).ok();
        match places.filter(|_| resumed.repeated == 0 && positions.batch == resumed.batch + 1) {
            Some(places) => {
                resumed.taken += 1;
                places.into_iter().for_each(|place| take(&mut resumed.files, place));
            }
            None => resumed.repeated += 1,
        }
        resumed.batch = positions.batch;
    }
    resumed
}

/// A position as the spool keeps it.
pub(super) fn places(entries: &[Entry]) -> Vec<u8> {
    serde_json::to_vec(entries).unwrap_or_default()
}

/// A checkpoint may be ahead of its batch in single files. Another text under the same inode, or more of what it begins
/// with, is another entry: which one means the file is seen when it is looked at.
fn take(files: &mut Vec<Entry>, place: Entry) {
    let text = |entry: &Entry| (entry.device, entry.inode, entry.fingerprint);
    match files.iter_mut().find(|file| text(file) == text(&place) && file.folder == place.folder) {
        Some(file) if file.reach() >= place.reach() => {}
        Some(file) => *file = place,
        None => files.push(place),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fingerprint::Fingerprint, *};

    fn entry(inode: u64, offset: u64) -> Entry {
        let (folder, file) = ("shop_cart_1/main".to_owned(), "0.log".to_owned());
        let fingerprint = Fingerprint::of(&inode.to_le_bytes());
        Entry { folder, file, device: 1, inode, fingerprint, offset, told: offset, is_complete: false }
    }

    fn kept(batch: u64, entries: &[Entry]) -> Positions {
        Positions { batch, places: places(entries).into() }
    }

    fn offsets(resumed: &Resumed) -> Vec<(u64, u64)> {
        resumed.files.iter().map(|file| (file.inode, file.offset)).collect()
    }

    fn saved(batch: u64, files: Vec<Entry>) -> Option<Saved> {
        Some(Saved { batch, files })
    }

    #[test]
    fn the_spool_goes_on_where_the_checkpoint_ends() {
        let spool = vec![kept(4, &[entry(1, 5)]), kept(6, &[entry(2, 70)]), kept(5, &[entry(1, 60)])];
        let resumed = resume(saved(4, vec![entry(1, 50), entry(3, 9)]), spool);
        assert_eq!(offsets(&resumed), [(1, 60), (3, 9), (2, 70)]);
        assert_eq!((resumed.batch, resumed.taken, resumed.repeated, resumed.is_first), (6, 2, 0, false));
    }

    #[test]
    fn what_follows_a_batch_that_is_missing_is_read_again_and_its_numbers_are_not_used_again() {
        let spool = vec![kept(5, &[entry(1, 60)]), kept(7, &[entry(1, 80)]), kept(8, &[entry(1, 90)])];
        let resumed = resume(saved(4, vec![entry(1, 50)]), spool);
        assert_eq!(offsets(&resumed), [(1, 60)]);
        assert_eq!((resumed.batch, resumed.taken, resumed.repeated), (8, 1, 2));
    }

    #[test]
    fn places_that_cannot_be_read_are_as_good_as_missing() {
        let strange = Positions { batch: 1, places: vec![0xff; 3].into() };
        let resumed = resume(saved(0, Vec::new()), vec![strange, kept(2, &[entry(1, 80)])]);
        assert_eq!((offsets(&resumed), resumed.batch, resumed.repeated), (vec![], 2, 2));
    }

    #[test]
    fn a_file_that_was_begun_anew_has_both_positions() {
        let anew = Entry { fingerprint: Fingerprint::of(b"anew"), ..entry(1, 20) };
        let resumed = resume(saved(4, vec![entry(1, 50)]), vec![kept(5, std::slice::from_ref(&anew))]);
        assert_eq!(resumed.files, [entry(1, 50), anew]);
    }

    #[test]
    fn a_checkpoint_that_is_ahead_in_a_file_stays_so() {
        let resumed = resume(saved(4, vec![entry(1, 50)]), vec![kept(5, &[entry(1, 40)])]);
        assert_eq!(offsets(&resumed), [(1, 50)]);
    }

    #[test]
    fn without_a_checkpoint_the_first_batches_of_all_still_count() {
        let resumed = resume(None, vec![kept(1, &[entry(1, 40)])]);
        assert_eq!((offsets(&resumed), resumed.is_first), (vec![(1, 40)], false));
    }
}
