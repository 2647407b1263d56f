//! A notification says nothing, or others that say nothing come behind it: a node sends one each time when it resolved its virtual
//! and its sink stayed where it was (`kaspa-consensus`, `virtual_processor::processor`, `resolve_virtual`).

use std::time::Duration;

use bridge::wire::{NotificationKind, ServerFrame, encode};
use kaspa_rpc_core::{Notification, VirtualChainChangedNotification};
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment, TriggerError, trigger::at_most};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyNotification {
    /// How many empty ones come behind it; 0: it is empty itself, and what it said is never told. At most 1,000.
    pub extra: u32,
}

impl Drawn for EmptyNotification {
    fn draw(stream: &mut Stream) -> Self {
        Self { extra: stream.below(4) as u32 }
    }
}

impl FaultKind for EmptyNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), TriggerError> {
        at_most("extra", self.extra, MOST_EXTRA)
    }

    fn multiplies(&self) -> bool {
        self.extra > 0
    }

    fn fits(&self, message: &Message<'_>) -> bool {
        is_of_the_chain(message.bytes)
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let parcel = |bytes| Parcel { after: Duration::ZERO, bytes };
        if self.extra == 0 {
            return MessageFate::Replace(vec![parcel(empty())]);
        }
        let mut parcels = vec![parcel(message.bytes.to_vec())];
        parcels.extend((0..self.extra).map(|_| parcel(empty())));
        MessageFate::Replace(parcels)
    }
}

/// Most that come behind one notification.
const MOST_EXTRA: u32 = 1_000;

fn is_of_the_chain(bytes: &[u8]) -> bool {
    let of_the_chain = NotificationKind::VirtualChainChanged.code();
    matches!(ServerFrame::parse(bytes), Ok(ServerFrame::Notification(told)) if told.operation() == of_the_chain)
}

fn empty() -> Vec<u8> {
    encode::notification(&Notification::VirtualChainChanged(VirtualChainChangedNotification {
        removed_chain_block_hashes: Vec::new().into(),
        added_chain_block_hashes: Vec::new().into(),
        accepted_transaction_ids: Vec::new().into(),
    }))
}
