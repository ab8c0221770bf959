//! A healthy endpoint while another hangs: whoever takes calls and never answers may hold its own lane and nobody else's.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::{
    Plan, both,
    closed::Clients,
    database::{deploy, end, serve},
    percentile,
    receiver::Receiver,
    report::Report,
};
use crate::world::World;

pub(super) async fn hanging(report: &mut Report, world: &World, receivers: &[Receiver], plan: &Plan) -> Result<()> {
    let deployment = deploy(world).await?;
    let process = serve(&deployment, "bench-lanes").await?;
    let clients = Clients::new(world, receivers, &process)?;
    process.ready(clients.client.http(), Duration::from_secs(30)).await?;
    times(&clients, plan.samples / 4).await?;
    let mut alone = times(&clients, plan.samples).await?;
    receivers[1].hang(true);
    let beside = async {
        for _ in 0..40 {
            clients.share(&[1]).await?;
            sleep(Duration::from_millis(25)).await;
        }
        Ok::<(), anyhow::Error>(())
    };
    beside.await?;
    let mut hung = times(&clients, plan.samples).await?;
    receivers[1].hang(false);
    process.kill().await?;
    let (before, after) = (percentile(&mut alone, 0.99), percentile(&mut hung, 0.99));
    report.section("Share to arrival at a healthy endpoint: p50 / p99");
    report.line("Alone", both(percentile(&mut alone, 0.5), before));
    report.goal(
        "While another endpoint hangs, with 40 deliveries waiting for it",
        both(percentile(&mut hung, 0.5), after),
        "p99 within 2 x alone",
        after <= before * 2,
    );
    // What waited for the hanging one is given to it, so that nothing is left over for what is measured next.
    let process = serve(&deployment, "bench-lanes-after").await?;
    sleep(Duration::from_secs(1)).await;
    end(process).await
}

async fn times(clients: &Clients<'_>, samples: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        let asked = Instant::now();
        let (_, sent) = clients.share(&[0]).await?;
        for one in &sent {
            let came = clients.receivers[one.team].came(&one.recipient).await?;
            times.push(came.duration_since(asked));
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(times)
}
