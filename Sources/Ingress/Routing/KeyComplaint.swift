import Formats

/// What a refusal's body says where it speaks of the operator's key or account, and not of the
/// call.
///
/// Providers answer that an account is out of money with statuses that otherwise mean the caller:
/// OpenAI with a 429 (`insufficient_quota`), Anthropic with a 400 whose only sign is its text.
enum KeyComplaint {
    /// What stands in `code` or `type`, which no client can put there.
    private static let codes: Set<String> = [
        "insufficient_quota", "credit_balance_exhausted", "credit_balance_too_low",
        "billing_error", "billing_hard_limit_reached", "billing_not_active",
        "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
        "enforced_spend_limit_reached", "account_deactivated", "access_terminated",
        "invalid_api_key", "authentication_error",
        // Moonshot, Alibaba, and gateways of the one-api family.
        "exceeded_current_quota_error", "Arrearage", "insufficient_user_quota",
    ]
    /// How messages begin that have no code of their own; further in, they may quote the client.
    private static let beginnings = [
        "Your credit balance is too low", "You have reached your specified",
        "This organization has been disabled", "API key not valid",
    ]

    static func isMade(in body: [UInt8]) -> Bool {
        guard let whole = try? JSONObject(scanning: body) else { return false }
        let error = whole.present("error").flatMap { try? JSONObject(scanning: body, in: $0.range) }
        let complaint = error ?? whole
        func text(_ name: StaticString) -> String? { complaint[name]?.string(in: body) }
        let words = [text("code"), text("type")].compactMap(\.self)
        return words.contains { codes.contains($0) }
            || beginnings.contains { text("message")?.hasPrefix($0) ?? false }
    }
}
