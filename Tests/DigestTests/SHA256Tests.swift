import Testing

@testable import Digest

/// The vectors of FIPS 180-4's examples and of NIST's CAVS short messages.
@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("d3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        ("11af", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
        (
            """
            6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d\
            6b6c6d6e6c6d6e6f6d6e6f706e6f7071
            """,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `NIST's vectors come out at once and piece by piece`(
        message: String,
        digest: String
    ) throws {
        let bytes = try #require(Hex.decode(message))
        #expect(SHA256.hash(bytes).hexadecimal == digest)
        for pieceSize in 1...4 {
            var sha = SHA256()
            for start in stride(from: 0, to: bytes.count, by: pieceSize) {
                sha.update(bytes[start..<min(start + pieceSize, bytes.count)])
            }
            #expect(sha.finalize().hexadecimal == digest)
        }
    }

    @Test func `a million times the letter a`() {
        let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        let bytes = repeatElement(UInt8(ascii: "a"), count: 1_000_000)
        #expect(SHA256.hash(bytes).hexadecimal == digest)
        var sha = SHA256()
        for _ in 0..<1_000 { sha.update(repeatElement(UInt8(ascii: "a"), count: 1_000)) }
        #expect(sha.finalize().hexadecimal == digest)
    }

    @Test func `text is hashed as its UTF-8`() {
        #expect(SHA256.hash("abc".utf8) == SHA256.hash([0x61, 0x62, 0x63]))
    }

    @Test func `many threads hash at once`() async {
        let expected = SHA256.hash("shared".utf8)
        let areAllEqual = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<1_000).allSatisfy { _ in SHA256.hash("shared".utf8) == expected }
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(areAllEqual)
    }

    @Test func `a digest is 32 bytes and nothing else`() throws {
        let digest = SHA256.hash("abc".utf8)
        #expect(SHA256Digest(digest.bytes) == digest)
        #expect(SHA256Digest(hexadecimal: digest.hexadecimal) == digest)
        #expect(SHA256Digest(digest.bytes.dropLast()) == nil)
        #expect(SHA256Digest(digest.bytes + [0]) == nil)
        #expect(SHA256Digest(hexadecimal: "ba78") == nil)
    }

    @Test(arguments: 0..<32)
    func `digests that differ in one bit are unequal`(index: Int) throws {
        var bytes = SHA256.hash("abc".utf8).bytes
        bytes[index] ^= 1 << UInt8(index % 8)
        #expect(SHA256Digest(bytes) != SHA256.hash("abc".utf8))
    }
}
