import Console
import Ingress
import Journal
import Schema
import Shapes

extension InstanceView {
    /// What the console sees of this instance.
    init(
        _ journal: Journal,
        _ gateways: [Gateway],
        _ board: UpstreamBoard,
        _ metrics: GatewayMetrics
    ) {
        self.init(
            id: InstanceID(high: journal.instance.high, low: journal.instance.low),
            calls: { account, limit in
                var all = RunningCallList()
                for gateway in gateways {
                    let running = await gateway.runningCalls(of: account, limit: limit)
                    all = all.merging(running, limit: limit)
                }
                return all
            },
            upstreams: { board.statuses().map { UpstreamView($0) } },
            journal: {
                let depth = journal.depth
                return JournalDepth(
                    open: depth.openCount,
                    unshipped: depth.unshippedCount,
                    bytes: depth.fileBytes
                )
            },
            glance: {
                let glance = metrics.glance
                return Glance(
                    openStreams: glance.openStreams,
                    firstByteOfHalf: glance.firstByteOfHalf,
                    firstByteOfMost: glance.firstByteOfMost
                )
            }
        )
    }
}
