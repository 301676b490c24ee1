//! What the senses beside the door say is kept; the next look judges it.

use super::Draft;
use crate::deploy::{Event, Sensed};

impl Draft<'_> {
    pub(super) fn sensed(&mut self, sensed: &Sensed) {
        let acted = self.state.acted();
        let Some(watching) = self.state.watching.as_ref().filter(|_| acted) else { return };
        let event = match sensed {
            Sensed::Signal { name, read: Ok(readings) } => {
                let readings = watching.sensors.fresh(name, readings);
                (!readings.is_empty()).then(|| Event::SignalRead { name: name.clone(), readings })
            }
            // Each time anew: how long it has been silent is told by when it was asked.
            Sensed::Signal { name, read: Err(fault) } => {
                Some(Event::SignalLost { name: name.clone(), words: fault.to_string() })
            }
            Sensed::Usage(Ok(usage)) => {
                let usage = watching.own_usage(usage);
                (!usage.is_empty()).then_some(Event::Used { usage })
            }
            Sensed::Logs(Ok(reading)) => {
                let reading = watching.own_logs(reading);
                (!reading.counts.is_empty() || !reading.beside.is_empty())
                    .then_some(Event::Logged { reading })
            }
            Sensed::Alerts(Ok(names)) => {
                (*names != watching.alerts).then(|| Event::Alerted { names: names.clone() })
            }
            // Nobody declared these: without them the others judge alone.
            Sensed::Usage(Err(_)) | Sensed::Logs(Err(_)) | Sensed::Alerts(Err(_)) => None,
        };
        if let Some(event) = event {
            self.push(event);
        }
    }
}
