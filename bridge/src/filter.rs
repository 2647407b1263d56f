//! Which accepted transactions a consumer wants. The node sends all of them: there is no server-side filter.

/// Keeps a transaction whose subnetwork and whose payload both fit. The default keeps every transaction.
///
/// What is left out changes nothing else: chain blocks come also when nothing of them is kept, and a kept transaction has
/// its place in the block's whole list ([`AcceptedTransaction::acceptance_index`](crate::AcceptedTransaction)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Subnetworks (lanes) to keep; empty keeps all.
    pub subnetworks: Vec<[u8; 20]>,
    /// The payload must begin with one of these; empty keeps all.
    pub payload_prefixes: Vec<Vec<u8>>,
}

impl Filter {
    /// Whether there is no condition.
    pub(crate) fn keeps_all(&self) -> bool {
        self.subnetworks.is_empty() && self.payload_prefixes.is_empty()
    }

    /// Whether a transaction with this subnetwork and payload is kept.
    pub fn keeps(&self, subnetwork_id: &[u8; 20], payload: &[u8]) -> bool {
        let of_lane = self.subnetworks.is_empty() || self.subnetworks.contains(subnetwork_id);
        let begins = |prefix: &Vec<u8>| payload.starts_with(prefix);
        of_lane && (self.payload_prefixes.is_empty() || self.payload_prefixes.iter().any(begins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_no_conditions_when_filtered_then_everything_is_kept() {
        assert!(Filter::default().keeps(&[0; 20], b""));
    }

    #[test]
    fn given_lanes_and_prefixes_when_filtered_then_both_must_fit() {
        let filter = Filter {
            subnetworks: vec![[1; 20], [2; 20]],
            payload_prefixes: vec![b"drone".to_vec(), b"station".to_vec()],
        };
        assert!(filter.keeps(&[1; 20], b"drone 7"));
        assert!(filter.keeps(&[2; 20], b"station"));
        assert!(!filter.keeps(&[3; 20], b"drone 7"));
        assert!(!filter.keeps(&[1; 20], b"dron"));
    }
}
