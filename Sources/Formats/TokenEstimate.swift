/// Token counts from text, for when an upstream is silent about usage.
///
/// An estimate takes one token for three bytes. Measured with o200k, English has 0.24 tokens a
/// byte, and ideographs about one for their three bytes, so ordinary text of any script is at or
/// below the estimate; random letters (0.77) are not. It sees only text that was shown: where a
/// model reasons in secret, no text bounds the count, and a caller who must not be short settles
/// at the hold.
package enum TokenEstimate {
    static let bytesPerToken: Int64 = 3
    /// A typical image, where the bound of the hold takes the dearest.
    static let perImage: Int64 = 1_600

    /// Output tokens of text that was relayed.
    ///
    /// - Parameter events: events that brought it; a server sends none for less than a token.
    package static func output(textBytes: Int64, events: Int64 = 0) -> Int64 {
        let byLength = (textBytes + bytesPerToken - 1) / bytesPerToken
        return min(max(byLength, events), textBytes)
    }

    /// Prompt tokens of a request, by the length of its whole body.
    package static func input(of facts: CallFacts) -> Int64 {
        if let exact = facts.promptTokens { return exact }
        let text = (facts.textBytes + bytesPerToken - 1) / bytesPerToken
        return text + images(of: facts)
    }

    /// Prompt tokens of a request's images.
    package static func images(of facts: CallFacts) -> Int64 { facts.imageCount * perImage }
}
