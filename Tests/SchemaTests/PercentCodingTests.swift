import Schema
import Testing

@Suite struct PercentCodingTests {
    @Test(arguments: ["", "a/b c?&=+%ü", "αβγ", "~-._", "\u{1F600}", "%25", "\n"])
    func `escapes come back as they went`(text: String) {
        #expect(PercentCoding.decode(PercentCoding.encode(text)) == text)
    }

    @Test func `all but unreserved characters are escaped, byte by byte`() {
        #expect(PercentCoding.encode("Az09-._~") == "Az09-._~")
        #expect(PercentCoding.encode("a/../b?c=ü&d") == "a%2F..%2Fb%3Fc%3D%C3%BC%26d")
    }

    @Test(arguments: ["%", "%4", "%zz", "%c3", "%ff", "a%00b"])
    func `what is no escape, no text, or cannot be kept is refused`(text: String) {
        #expect(PercentCoding.decode(text) == nil)
    }

    @Test func `a plus is a space in forms alone`() {
        #expect(PercentCoding.decode("a+b") == "a+b")
        #expect(PercentCoding.decode("a+b%2B", plusIsSpace: true) == "a b+")
    }
}
