import Testing

@testable import Console

@Suite struct MultipartFormTests {
    private static let type = "multipart/form-data; boundary=----x"

    private func parse(_ text: String, type: String? = type) -> FormFields? {
        MultipartForm(Array(text.utf8), contentType: type)?.fields
    }

    @Test func `fields and a file come as they were sent, line ends and hyphens included`() {
        let file = "{\r\n--\"a\": 1\r\n------\r\n}"
        let form = parse(
            "------x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n"
                + "------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.json\"\r\n"
                + "Content-Type: application/json\r\n\r\n\(file)\r\n------x--\r\n"
        )
        #expect(form?["csrf"] == "abc")
        #expect(form?["file"] == file)
        #expect(form?.names == ["csrf", "file"])
    }

    @Test(arguments: [
        "", "------x", "------y--", "------x\r\n\r\n", "------x\r\nno header\r\n\r\nv\r\n------x--",
        "------x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nnever ends",
        "------x\r\nContent-Disposition: form-data; name=\"a\"\r\n------x--",
    ])
    func `a form that breaks off is refused`(text: String) {
        #expect(parse(text) == nil)
    }

    @Test func `a name that comes twice is refused`() {
        let part = "------x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
        #expect(parse(part + "------x--") != nil)
        #expect(parse(part + part + "------x--") == nil)
    }

    @Test(
        arguments: [
            nil, "", "application/x-www-form-urlencoded", "multipart/form-data",
            "multipart/form-data; boundary=",
        ] as [String?]
    )
    func `another type is no such form`(type: String?) {
        #expect(MultipartForm([], contentType: type) == nil)
    }
}
