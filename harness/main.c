/* syncbed: see docs/architecture.md. */
int main(void)
{
    return 0;
}
