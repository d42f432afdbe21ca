#include "security/dtls_test_pair.h"

static void takes_records_off_a_datagram(void **state) {
    (void)state;
    static const uint8_t two[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 9,
                                  23, 0xfe, 0xfd, 1, 2, 0, 0, 0, 0, 0, 1, 0, 0, 7};
    struct bytes rest = bytes_of(two, sizeof two);
    struct dtls_record record;
    assert_true(coax_dtls_next_record(&rest, 0, &record));
    assert_int_equal(record.content_type, DTLS_CONTENT_HANDSHAKE);
    assert_int_equal(record.epoch, 0);
    assert_int_equal(record.fragment.size, 2);
    assert_int_equal(record.fragment.data[1], 9);
    assert_true(coax_dtls_next_record(&rest, 0, &record));
    assert_int_equal(record.content_type, DTLS_CONTENT_APPLICATION_DATA);
    assert_int_equal(record.epoch, 0x102);
    assert_int_equal(record.fragment.size, 0);
    assert_int_equal(rest.size, 1);
    assert_false(coax_dtls_next_record(&rest, 0, &record));
}

static void refuses_records_that_are_cut(void **state) {
    (void)state;
    static const uint8_t whole[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 9};
    struct dtls_record record;
    for (size_t size = 0; size < sizeof whole; size++) {
        struct bytes rest = bytes_of(whole, size);
        assert_false(coax_dtls_next_record(&rest, 0, &record));
        assert_int_equal(rest.size, size);
    }
}

static void classifies_datagrams(void **state) {
    (void)state;
    static const struct {
        uint8_t type, version, epoch, first;
        enum dtls_datagram expected;
    } cases[] = {
        {22, 0xfe, 0, 1, DTLS_DATAGRAM_CLIENT_HELLO}, {22, 0xfe, 1, 1, DTLS_DATAGRAM_HANDSHAKE},
        {22, 0xfe, 0, 2, DTLS_DATAGRAM_HANDSHAKE},    {20, 0xfe, 0, 1, DTLS_DATAGRAM_HANDSHAKE},
        {21, 0xfe, 0, 1, DTLS_DATAGRAM_ALERT},        {21, 0xfe, 1, 1, DTLS_DATAGRAM_ALERT},
        {23, 0xfe, 1, 1, DTLS_DATAGRAM_APPLICATION},  {24, 0xfe, 1, 1, DTLS_DATAGRAM_INVALID},
        {22, 0x03, 0, 1, DTLS_DATAGRAM_INVALID},      {0x40, 1, 0, 1, DTLS_DATAGRAM_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t datagram[] = {cases[i].type, cases[i].version, 0xfd, 0, cases[i].epoch, 0, 0, 0, 0, 0, 0, 0, 1,
                                    cases[i].first};
        uint16_t epoch = 99;
        assert_int_equal(coax_dtls_classify(datagram, sizeof datagram, &epoch), cases[i].expected);
        assert_int_equal(epoch,
                         cases[i].expected == DTLS_DATAGRAM_INVALID && cases[i].type != 24 ? 99 : cases[i].epoch);
    }
    uint16_t epoch;
    assert_int_equal(coax_dtls_classify(NULL, 0, &epoch), DTLS_DATAGRAM_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_records_off_a_datagram),
        cmocka_unit_test(refuses_records_that_are_cut),
        cmocka_unit_test(classifies_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
