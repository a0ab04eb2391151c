// SPDX-License-Identifier: MIT
/*
 * linux_iova.c - dmapool/linux/iova.h, used as kernel code uses its own: C11, and C++17 by way
 * of linux_iova.cpp
 *
 * A small IOMMU driver comes first, then what each call promises.  Names that kernel code has
 * from elsewhere are not needed.
 */
#include <dmapool/linux/iova.h>
#include <stdio.h>

#define MMU_SHIFT    12
#define MMU_LAST_PFN ((1UL << (32 - MMU_SHIFT)) - 1)

static int nfailed;

static void expect(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	nfailed++;
}
#define EXPECT(claim) expect(claim, #claim, __LINE__)

/* The driver. */

struct mmu {
	struct iova_domain iovad;
};

static int mmu_init(struct mmu *mmu)
{
	int ret;

	init_iova_domain(&mmu->iovad, 1UL << MMU_SHIFT, 1);
	ret = iova_domain_init_rcaches(&mmu->iovad);
	if (ret)
		goto err_put;
	/* Writes to the interrupt window never reach the tables. */
	if (!reserve_iova(&mmu->iovad, 0xfee00, 0xfeeff)) {
		ret = -ENOMEM;
		goto err_put;
	}
	return 0;

err_put:
	put_iova_domain(&mmu->iovad);
	return ret;
}

static unsigned long mmu_map(struct mmu *mmu, size_t len)
{
	unsigned long n = (len + (1UL << MMU_SHIFT) - 1) >> MMU_SHIFT;
	unsigned long pfn = alloc_iova_fast(&mmu->iovad, n, MMU_LAST_PFN, true);

	return pfn << MMU_SHIFT;
}

static void mmu_unmap(struct mmu *mmu, unsigned long addr, size_t len)
{
	unsigned long n = (len + (1UL << MMU_SHIFT) - 1) >> MMU_SHIFT;

	free_iova_fast(&mmu->iovad, addr >> MMU_SHIFT, n);
}

static void test_a_driver_gets_the_addresses_that_linux_gives(void)
{
	struct mmu mmu;
	unsigned long a, b;

	EXPECT(mmu_init(&mmu) == 0);
	a = mmu_map(&mmu, 4096);
	b = mmu_map(&mmu, 3 * 4096);
	EXPECT(a == 0xfffff000);
	EXPECT(b == 0xffffb000 - 0x3000); /* four pages, aligned to four */
	mmu_unmap(&mmu, a, 4096);
	EXPECT(mmu_map(&mmu, 1) == a);
	EXPECT(mmu_map(&mmu, 0x1000000) == 0xfd000000); /* below the window */
	put_iova_domain(&mmu.iovad);
}

/* What each call promises. */

static void open_domain(struct iova_domain *iovad, unsigned long start_pfn)
{
	init_iova_domain(iovad, 4096, start_pfn);
	EXPECT(iova_domain_init_rcaches(iovad) == 0);
}

static void test_a_bad_granule_is_told_and_every_request_fails(void)
{
	struct iova_domain iovad;

	init_iova_domain(&iovad, 0, 1);
	EXPECT(iova_domain_init_rcaches(&iovad) == -EINVAL);
	put_iova_domain(&iovad);
	init_iova_domain(&iovad, 4095, 1);
	EXPECT(iova_domain_init_rcaches(&iovad) == -EINVAL);
	EXPECT(alloc_iova_fast(&iovad, 1, MMU_LAST_PFN, true) == 0);
	EXPECT(!alloc_iova(&iovad, 1, MMU_LAST_PFN, true));
	EXPECT(!reserve_iova(&iovad, 1, 2));
	EXPECT(!find_iova(&iovad, 1));
	put_iova_domain(&iovad);
}

static void test_a_range_has_one_struct_iova(void)
{
	struct iova_domain iovad;
	struct iova *iova;

	open_domain(&iovad, 1);
	iova = alloc_iova(&iovad, 3, MMU_LAST_PFN, true);
	EXPECT(iova && iova->pfn_lo == 0xffffc && iova->pfn_hi == 0xffffe);
	EXPECT(find_iova(&iovad, 0xffffc) == iova);
	EXPECT(find_iova(&iovad, 0xffffe) == iova);
	EXPECT(!find_iova(&iovad, 0xfffff));
	__free_iova(&iovad, iova);
	EXPECT(!find_iova(&iovad, 0xffffd));
	put_iova_domain(&iovad);
}

static void *look_up(void *iovad)
{
	int i;

	for (i = 0; i < 1000; i++)
		find_iova((struct iova_domain *)iovad, 15);
	return NULL;
}

/* ThreadSanitizer sees who writes. */
static void test_a_struct_iova_may_be_read_while_others_look_it_up(void)
{
	struct iova_domain iovad;
	const struct iova *iova;
	pthread_t other;
	int i;

	open_domain(&iovad, 1);
	iova = reserve_iova(&iovad, 10, 20);
	EXPECT(pthread_create(&other, NULL, look_up, &iovad) == 0);
	for (i = 0; i < 1000; i++)
		EXPECT(*(const volatile unsigned long *)&iova->pfn_lo == 10);
	pthread_join(other, NULL);
	put_iova_domain(&iovad);
}

static void test_an_unaligned_request_starts_anywhere(void)
{
	struct iova_domain iovad;
	struct iova *iova;

	open_domain(&iovad, 1);
	iova = alloc_iova(&iovad, 3, MMU_LAST_PFN, false);
	EXPECT(iova && iova->pfn_lo == 0xffffd && iova->pfn_hi == 0xfffff);
	free_iova(&iovad, 0xffffe);
	EXPECT(!find_iova(&iovad, 0xffffe));
	put_iova_domain(&iovad);
}

/*
 *   before          [1010..101f]
 *   reserve     1008 .......... 101f      the range grows down, and goes as a whole
 */
static void test_a_reservation_over_a_range_grows_it(void)
{
	struct iova_domain iovad;
	struct iova *first, *grown;

	open_domain(&iovad, 1);
	first = reserve_iova(&iovad, 0x1010, 0x101f);
	grown = reserve_iova(&iovad, 0x1008, 0x101f);
	EXPECT(first && grown == first);
	EXPECT(first->pfn_lo == 0x1008 && first->pfn_hi == 0x101f);
	__free_iova(&iovad, first);
	EXPECT(!find_iova(&iovad, 0x1008));
	EXPECT(!reserve_iova(&iovad, 6, 5));
	EXPECT(!reserve_iova(&iovad, 5, ULONG_MAX));
	put_iova_domain(&iovad);
}

static void test_a_struct_iova_outlives_a_fast_free_and_serves_again(void)
{
	struct iova_domain iovad;
	unsigned long pfn;
	struct iova *iova;

	open_domain(&iovad, 1);
	pfn = alloc_iova_fast(&iovad, 64, MMU_LAST_PFN, false);
	iova = find_iova(&iovad, pfn);
	EXPECT(iova && iova->pfn_hi == pfn + 63);
	free_iova_fast(&iovad, pfn, 64);
	EXPECT(!find_iova(&iovad, pfn));
	EXPECT(alloc_iova(&iovad, 32, MMU_LAST_PFN, true) == iova);
	EXPECT(iova->pfn_lo == pfn + 32);
	put_iova_domain(&iovad);
}

static void test_a_full_space_is_0_and_a_flush_helps(void)
{
	struct iova_domain iovad;
	unsigned long pfn;

	open_domain(&iovad, 1);
	pfn = alloc_iova_fast(&iovad, 8, 15, false);
	EXPECT(pfn == 8);
	free_iova_fast(&iovad, pfn, 8); /* kept by the cache */
	EXPECT(alloc_iova_fast(&iovad, 4, 15, false) == 4);
	EXPECT(alloc_iova_fast(&iovad, 4, 15, false) == 0);
	EXPECT(alloc_iova_fast(&iovad, 4, 15, true) == 12);
	put_iova_domain(&iovad);
}

static void test_pfn_0_is_given_back_when_0_means_failure(void)
{
	struct iova_domain iovad;

	open_domain(&iovad, 0);
	EXPECT(alloc_iova_fast(&iovad, 1, 0, false) == 0);
	EXPECT(!find_iova(&iovad, 0));
	put_iova_domain(&iovad);
}

static void test_nonsense_fails_and_changes_nothing(void)
{
	struct iova_domain iovad;

	open_domain(&iovad, 0x10);
	EXPECT(!alloc_iova(&iovad, 0, MMU_LAST_PFN, false));
	EXPECT(!alloc_iova(&iovad, 1, ULONG_MAX, false));
	EXPECT(alloc_iova_fast(&iovad, 0, MMU_LAST_PFN, true) == 0);
	EXPECT(alloc_iova_fast(&iovad, 1, ULONG_MAX, true) == 0);
	EXPECT(alloc_iova_fast(&iovad, 1, MMU_LAST_PFN, true) == MMU_LAST_PFN);
	put_iova_domain(&iovad);
}

int main(void)
{
	test_a_driver_gets_the_addresses_that_linux_gives();
	test_a_bad_granule_is_told_and_every_request_fails();
	test_a_range_has_one_struct_iova();
	test_a_struct_iova_may_be_read_while_others_look_it_up();
	test_an_unaligned_request_starts_anywhere();
	test_a_reservation_over_a_range_grows_it();
	test_a_struct_iova_outlives_a_fast_free_and_serves_again();
	test_a_full_space_is_0_and_a_flush_helps();
	test_pfn_0_is_given_back_when_0_means_failure();
	test_nonsense_fails_and_changes_nothing();
	return nfailed > 0;
}
