import Ledger
import Schema

extension JSONNode {
    /// A call that is under way; its key is told by the beginning of its secret.
    ///
    /// - Parameter hidesUpstreamModel: what the upstream was asked for, is the operator's own
    ///   business.
    package static func runningCall(
        _ call: RunningCall,
        key: KeyName?,
        hidesUpstreamModel: Bool
    ) -> JSONNode {
        .object([
            ("request_id", .text("req_\(call.request.hexadecimal)")),
            ("account", .text(call.accountName)),
            ("key_id", .text(call.key.description)), ("key_prefix", .optional(key?.prefix)),
            ("key_name", .optional(key?.name)), ("model", .text(call.model)),
            ("upstream", .text(call.upstream)),
            ("upstream_model", hidesUpstreamModel ? .null : .text(call.upstreamModel)),
            ("endpoint", .text(call.endpoint.rawValue)), ("streamed", .flag(call.isStreamed)),
            ("admitted_at", .instant(call.admittedAt)),
            ("milliseconds", .integer(call.milliseconds)),
            ("first_byte_ms", call.firstByteMilliseconds.map(JSONNode.integer) ?? .null),
            ("bytes", .integer(call.bytes)), ("output_tokens", .integer(call.outputTokens)),
            ("hold", .money(call.hold, call.currency)),
            ("failed_attempts", .integer(Int64(call.failedAttempts))),
        ])
    }

    /// What another instance has leased of an account.
    ///
    /// - Parameter hidesInstance: which one that is, is the operator's own business.
    package static func holding(
        _ holding: InstanceHolding,
        _ currency: Currency,
        hidesInstance: Bool
    ) -> JSONNode {
        .object([
            ("id", hidesInstance ? .null : .text(holding.instance.description)),
            ("label", hidesInstance ? .null : .text(holding.label)),
            ("renewed_at", .instant(holding.renewedAt)),
            ("escrowed", .money(holding.escrowed, currency)),
        ])
    }
}
