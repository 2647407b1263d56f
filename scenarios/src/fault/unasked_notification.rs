//! Behind a notification comes one of a kind that nobody subscribed to, or that says something that is not so.

use std::time::Duration;

use bridge::wire::encode;
use kaspa_hashes::Hash;
use kaspa_rpc_core::{
    FinalityConflictNotification, Notification, PruningPointUtxoSetOverrideNotification,
    SinkBlueScoreChangedNotification, VirtualDaaScoreChangedNotification,
};
use serde::{Deserialize, Serialize};
use sim::{
    random::Stream,
    world::{
        interposer::{Message, MessageFate, Parcel},
        link::LinkControl,
    },
};

use super::{Drawn, FaultKind, Moment};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnaskedNotification {
    /// Which.
    pub what: Unasked,
}

impl Drawn for UnaskedNotification {
    fn draw(stream: &mut Stream) -> Self {
        Self { what: Unasked::ALL[stream.below(Unasked::ALL.len() as u64) as usize] }
    }
}

impl FaultKind for UnaskedNotification {
    fn moment(&self) -> Moment {
        Moment::Notification
    }

    fn loses_reply(&self) -> bool {
        false
    }

    fn multiplies(&self) -> bool {
        true
    }

    fn on_message(&self, message: &Message<'_>, _: &LinkControl) -> MessageFate {
        let parcel = |bytes| Parcel { after: Duration::ZERO, bytes };
        let unasked = encode::notification(&self.what.notification());
        MessageFate::Replace(vec![parcel(message.bytes.to_vec()), parcel(unasked)])
    }
}

/// What comes unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unasked {
    /// That the node was reset, which it was not.
    Override,
    /// Where the sink is, far too low.
    SinkBlueScore,
    /// Where the virtual is, far too high.
    VirtualDaaScore,
    /// A finality conflict, which no node tells of so far (`kaspa-rpc-service`: it has no emitter).
    FinalityConflict,
}

impl Unasked {
    const ALL: [Self; 4] = [Self::Override, Self::SinkBlueScore, Self::VirtualDaaScore, Self::FinalityConflict];

    fn notification(self) -> Notification {
        match self {
            Self::Override => Notification::PruningPointUtxoSetOverride(PruningPointUtxoSetOverrideNotification {}),
            Self::SinkBlueScore => {
                Notification::SinkBlueScoreChanged(SinkBlueScoreChangedNotification { sink_blue_score: 1 })
            }
            Self::VirtualDaaScore => {
                Notification::VirtualDaaScoreChanged(VirtualDaaScoreChangedNotification { virtual_daa_score: u64::MAX })
            }
            Self::FinalityConflict => {
                Notification::FinalityConflict(FinalityConflictNotification { violating_block_hash: Hash::default() })
            }
        }
    }
}
