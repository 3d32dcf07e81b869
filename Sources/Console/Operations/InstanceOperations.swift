import Ledger
import Schema
import Shapes

/// The instances and what they lean on: leases, upstreams, and the last proofs.
enum InstanceOperations {
    static let routes: [Route] = [
        .get("instances", "instance list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.instances.list(),
                by: .identifier,
                name: \.id.description,
                JSONNode.instance
            )
        },
        .get("instances/{instance}", "instance show") { call in
            APIAnswer(
                .instance(try await call.services.instances.show(try call.identifier("instance")))
            )
        },
        .post("instances/{instance}/release", "instance release", .operate) { call in
            try call.body.allow(only: "force")
            let id: InstanceID = try call.identifier("instance")
            let count = try await call.services.instances.release(
                id,
                isForced: try call.body.flag("force")
            )
            return APIAnswer(.release(of: id, leasesClosed: count))
        },
        .get("upstreams", "upstream status") { call in
            APIAnswer(.array(call.services.here.upstreams().map(JSONNode.upstream)))
        },
        .get("verifications", "verification list") { call in
            APIAnswer(
                .array(try await call.services.verifications.last().map(JSONNode.verification))
            )
        },
    ]
}
