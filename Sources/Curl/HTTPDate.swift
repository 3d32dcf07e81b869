import CCurl

/// The dates of HTTP fields (RFC 9110 §5.6.7), as libcurl reads them: all three forms, and others
/// that are seen.
package enum HTTPDate {
    /// Seconds since 1970; nil for a text that is no date.
    package static func secondsSince1970(_ text: String) -> Int64? {
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Int64(seconds)
    }
}
