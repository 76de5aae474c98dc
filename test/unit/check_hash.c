/* hash: SipHash-2-4 by the vectors of its authors, and tables on top of it. */
#include "hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/* Of 00 01 02 .., so many bytes (reference implementation, vectors.h). */
START_TEST(vectors)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {7, 0xab0200f58b01d137},
		    {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_uint_eq(gc_siphash(key, bytes, rows[i].len), rows[i].hash);
}
END_TEST

struct item {
	char name[32];
	UT_hash_handle hh;
};

START_TEST(a_table)
{
	static struct item items[5000];
	struct item *table = NULL, *found;
	size_t longest = 0;

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(items[i].name, sizeof(items[i].name), "app@10.0.%d.%d", i / 256, i % 256);
		HASH_ADD_STR(table, name, &items[i]);
	}
	for (int i = 0; i < 5000; i++) {
		HASH_FIND_STR(table, items[i].name, found);
		ck_assert_ptr_eq(found, &items[i]);
	}
	HASH_FIND_STR(table, "app@10.1.0.0", found);
	ck_assert_ptr_null(found);
	for (unsigned i = 0; i < table->hh.tbl->num_buckets; i++)
		if (table->hh.tbl->buckets[i].count > longest)
			longest = table->hh.tbl->buckets[i].count;
	ck_assert_uint_le(longest, 40);
	HASH_CLEAR(hh, table);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hash");
	TCase *k = tcase_create("hash");
	SRunner *r = srunner_create(s);

	tcase_add_test(k, vectors);
	tcase_add_test(k, a_table);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
