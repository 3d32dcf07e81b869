import Schema
import Testing

@testable import Ledger

@Suite struct WebhookURLTests {
    @Test(arguments: [
        "https://example.com/hook", "https://example.com:8443/a?b=c", "https://8.8.8.8/",
        "https://[2606:4700::1111]/x",
    ])
    func `public addresses are taken`(url: String) throws {
        #expect(try WebhookURL(url, isPrivate: false).description == url)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com/", "http://example.com/", "https:///x",
        "https://user:secret@example.com/", "https://example.com/#x", "https://exa mple.com/",
        "https://example.com:0/", "https://example.com:99999/", "https://localhost/",
        "https://inside/", "https://a.localhost/", "https://127.0.0.1/", "https://10.1.2.3/",
        "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[fd00::1]/",
        "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
        "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
        "https://example.com\\@127.0.0.1/",
    ])
    func `wrong and private addresses are refused`(url: String) {
        #expect(throws: LedgerError.self) { try WebhookURL(url, isPrivate: false) }
    }

    @Test func `an operator's word opens private networks, and never the link's own`() throws {
        for url in ["http://127.0.0.1:9000/", "http://10.0.0.1/", "https://inside/"] {
            #expect(try WebhookURL(url, isPrivate: true).description == url)
        }
        for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/"] {
            #expect(throws: LedgerError.self) { try WebhookURL(url, isPrivate: true) }
        }
    }
}
